package front

// trusted says whether the peer may tell the scheme: a listed proxy, or whoever reaches a Unix socket.
func (o *Options) trusted(x *Exchange) bool {
	return o.TrustAll || local(x.Peer, x.Local) || within(x.Peer, o.Trusted)
}

// scheme finds the URL scheme of an exchange. It is not ok when the fields of a trusted proxy contradict each other.
func (o *Options) scheme(x *Exchange) (scheme string, ok bool) {
	scheme = "http"
	if x.TLS != nil {
		scheme = "https"
	}
	if x.stated != nil {
		scheme = x.stated.Scheme()
	}
	if len(o.SchemeHead) == 0 || !o.trusted(x) {
		return scheme, true
	}
	told := ""
	for i := range x.Fields {
		for name, secure := range o.SchemeHead {
			if !equalFold(x.Fields[i].Name, name) {
				continue
			}
			says := "http"
			if x.Fields[i].Value == secure {
				says = "https"
			}
			if told != "" && told != says {
				return "", false
			}
			told = says
		}
	}
	if told != "" {
		return told, true
	}
	return scheme, true
}
