package logs

import (
	"encoding/json"
	"time"
)

// JSON as a format has each line be one JSON object.
const JSON = "json"

// jsonLine is the object; what is not known is left out.
type jsonLine struct {
	Time      string  `json:"time"` // RFC 3339
	Remote    string  `json:"remote_addr,omitempty"`
	Method    string  `json:"method"`
	Target    string  `json:"target"`
	Proto     string  `json:"protocol"`
	Status    int     `json:"status,omitempty"`
	Sent      *int64  `json:"bytes_sent,omitempty"`
	Duration  float64 `json:"duration"` // seconds
	Referer   string  `json:"referer,omitempty"`
	UserAgent string  `json:"user_agent,omitempty"`
	Host      string  `json:"host,omitempty"`
	RequestID string  `json:"request_id,omitempty"`
	Worker    int     `json:"worker,omitempty"`
	Pid       int     `json:"pid,omitempty"`
}

// appendJSON appends e as an object on a line. Bytes that are no UTF-8 become U+FFFD.
func appendJSON(b []byte, e *Entry) []byte {
	l := jsonLine{
		Time: e.Time.Format(time.RFC3339Nano), Remote: e.RemoteAddr, Method: e.Method, Target: e.Target, Proto: e.Proto,
		Status: e.Status, Duration: e.Duration.Seconds(), RequestID: e.RequestID, Worker: e.Worker, Pid: e.Pid,
	}
	if e.Sent >= 0 {
		l.Sent = &e.Sent
	}
	if e.Fields != nil {
		l.Referer, l.UserAgent, l.Host = e.Fields.Field("Referer"), e.Fields.Field("User-Agent"), e.Fields.Field("Host")
	}
	line, err := json.Marshal(l)
	if err != nil { // there is nothing in it that could not be written
		return b
	}
	return append(append(b, line...), '\n')
}
