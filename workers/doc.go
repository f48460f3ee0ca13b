// Package workers keeps a pool of worker processes and gives them requests.
//
// A [Pool] has one fair queue. It sends a request only to a worker that is ready for it, sends a safe request once more when
// its worker died before answering, and answers for workers that cannot: see [Failure]. It replaces workers one by one, the
// successor first, when they retire, crash, or are rolled by [Pool.Reload].
//
// How a worker process comes to be is a [Launcher]'s affair: [Supervisor] starts processes itself, speaking systemd's contract to
// them; under systemd, connecting to a worker's socket starts it.
//
// What is decided where:
//
//	dispatcher  which request goes to which worker, and when   (dispatch.go, pure)
//	roster      which workers are started and drained          (roster.go, pure)
//	watchdog    when a process is to be ended                  (watchdog.go, pure)
//	Pool        performs the decisions: locks, reads, writes   (pool.go, link.go)
//	Supervisor  performs them for processes                    (supervisor.go)
package workers
