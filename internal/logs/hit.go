package logs

// AppendHit appends e as an entry of the journal: the common fields ([JournalFields]), the line of the format as MESSAGE, and what the exchange was.
// What is not known has no field. systemd.journal-fields(7) has the names that are not kirin's.
func (f *Format) AppendHit(b, common []byte, e *Entry) []byte {
	b, at := beginText(appendInteger(append(b, common...), "PRIORITY", 6), "MESSAGE")
	b = endText(f.Append(b, e), at)
	b = appendText(b, "HTTP_METHOD", e.Method)
	b = appendText(b, "HTTP_TARGET", e.Target)
	b = appendText(b, "HTTP_VERSION", e.Proto)
	if e.Status > 0 {
		b = appendInteger(b, "HTTP_STATUS", int64(e.Status))
	}
	b = appendInteger(b, "DURATION_USEC", e.Duration.Microseconds())
	if e.Sent >= 0 {
		b = appendInteger(b, "BYTES_SENT", e.Sent)
	}
	b = appendText(b, "REMOTE_ADDR", e.RemoteAddr)
	b = appendText(b, "REQUEST_ID", e.RequestID)
	if e.Worker > 0 {
		b = appendInteger(b, "WORKER", int64(e.Worker))
	}
	if e.Fields != nil {
		b = appendText(b, "HTTP_USER_AGENT", e.Fields.Field("User-Agent"))
		b = appendText(b, "HTTP_REFERER", e.Fields.Field("Referer"))
	}
	return b
}
