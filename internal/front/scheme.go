package front

// trusted says whether the peer may tell the scheme: a listed proxy, or whoever reaches a Unix socket.
func (o *Options) trusted(x *Exchange) bool {
	unix := !x.Peer.IsValid() && !x.Local.IsValid()
	if o.TrustAll || unix {
		return true
	}
	addr := x.Peer.Addr().Unmap().WithZone("") // no prefix holds an address with a zone
	for _, p := range o.Trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// scheme finds the URL scheme of an exchange. It is not ok when the fields of a trusted proxy contradict each other.
func (o *Options) scheme(x *Exchange) (scheme string, ok bool) {
	scheme = "http"
	if x.TLS {
		scheme = "https"
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
