-- What wrk sends, and its figures on one line that a program can read.
-- Arguments: nothing, or "close" (a new connection a request), or "post" BYTES.

function init(args)
    if args[1] == "close" then
        wrk.headers["Connection"] = "close"
    elseif args[1] == "post" then
        wrk.method = "POST"
        wrk.headers["Content-Type"] = "application/octet-stream"
        wrk.body = string.rep("p", tonumber(args[2]))
    end
end

function done(summary, latency, requests)
    local e = summary.errors
    io.write(string.format(
        "figures requests=%d microseconds=%d p50=%.1f p99=%.1f p999=%.1f ",
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
    io.write(string.format(
        "connect=%d read=%d write=%d status=%d timeout=%d\n", e.connect, e.read, e.write, e.status, e.timeout))
end
