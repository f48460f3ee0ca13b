package coding

import "testing"

func TestChoose(t *testing.T) {
	all := []string{Brotli, Zstd, Gzip}
	for accept, want := range map[string]string{
		"": "", "gzip": "gzip", "gzip, deflate, br": "br", "gzip, deflate, br, zstd": "br", "zstd,gzip": "zstd", "GZIP": "gzip", "x-gzip": "gzip",
		"*": "br", "br;q=0, *": "zstd", "gzip;q=1.0, br;q=0.5": "gzip", "gzip;q=0": "", "identity": "", "br;q=x": "", "br;q=-1": "", "br;q=2": "",
		"br ; q=0.1 , gzip ; q=0.2": "gzip", "br;q=nan": "", "*;q=0": "", "deflate": "", "br;level=4": "br",
	} {
		if got := Choose(accept, all); got != want {
			t.Errorf("%q: %q, want %q", accept, got, want)
		}
	}
	if got := Choose("br, gzip", []string{Gzip}); got != Gzip {
		t.Errorf("of gzip alone: %q", got)
	}
}

func FuzzChoose(f *testing.F) {
	f.Add("gzip;q=0.5, br")
	f.Fuzz(func(t *testing.T, accept string) {
		switch got := Choose(accept, []string{Gzip}); got {
		case "", Gzip:
		default:
			t.Errorf("%q", got)
		}
	})
}
