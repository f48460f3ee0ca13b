package wire

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// interpreters are the Pythons whose marshal module is held against this package.
func interpreters() map[string]string {
	return map[string]string{
		"cpython": cmp.Or(os.Getenv("KIRIN_TEST_PYTHON"), "/usr/bin/python3"),
		"pypy":    cmp.Or(os.Getenv("KIRIN_TEST_PYPY"), "/usr/bin/pypy3"),
	}
}

// python feeds lines to a script and gives the lines that it prints, one for each.
func python(t *testing.T, interpreter, script string, lines []string) []string {
	t.Helper()
	cmd := exec.Command(interpreter, "-I", "-c", script)
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", interpreter, err)
	}
	got := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(got) != len(lines) {
		t.Fatalf("%s: %d lines for %d", interpreter, len(got), len(lines))
	}
	return got
}

// eachPython runs f against every interpreter.
func eachPython(t *testing.T, f func(t *testing.T, interpreter string)) {
	for name, path := range interpreters() {
		t.Run(name, func(t *testing.T) { f(t, path) })
	}
}

// dumps gives what marshal.dumps(EXPRESSION, 2) makes of Python expressions.
func dumps(t *testing.T, interpreter string, expressions []string) [][]byte {
	t.Helper()
	const script = "import marshal, sys\nfor line in sys.stdin: print(marshal.dumps(eval(line), 2).hex())"
	var all [][]byte
	for _, line := range python(t, interpreter, script, expressions) {
		b, err := hex.DecodeString(line)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

// loads gives what ascii(marshal.loads(...)) prints.
func loads(t *testing.T, interpreter string, objects [][]byte) []string {
	t.Helper()
	const script = "import marshal, sys\nfor line in sys.stdin: print(ascii(marshal.loads(bytes.fromhex(line))))"
	lines := make([]string, len(objects))
	for i, b := range objects {
		lines[i] = hex.EncodeToString(b)
	}
	return python(t, interpreter, script, lines)
}

func TestPythonInts(t *testing.T) {
	all := ints()
	var expressions []string
	var encoded [][]byte
	for _, v := range all {
		expressions = append(expressions, fmt.Sprint(v))
		encoded = append(encoded, AppendInt(nil, v))
	}
	eachPython(t, func(t *testing.T, interpreter string) {
		for i, b := range dumps(t, interpreter, expressions) {
			if !bytes.Equal(b, encoded[i]) {
				t.Errorf("%d: % x, Python has % x", all[i], encoded[i], b)
			}
			d := decoder{b: b}
			if got := d.int(); got != all[i] || d.end() != nil {
				t.Errorf("Python's %d is read as %d: %v", all[i], got, d.err)
			}
		}
	})
}

func TestPythonReadsWhatWeWrite(t *testing.T) {
	request := func(r *Request) []byte {
		return EndRequests(AppendRequest(BeginRequests(nil), r), 0, 1, 0)[HeaderSize:]
	}
	cases := []struct {
		b    []byte
		want string
	}{
		{AppendNone(nil), "None"},
		{AppendBytes(nil, every()[:3]), `b'\x00\x01\x02'`},
		{AppendStr(nil, "kirin 麒麟 🦄"), `'kirin \u9e92\u9e9f \U0001f984'`},
		{AppendLatin1(nil, "caf\xe9 \x80\xff"), `'caf\xe9 \x80\xff'`},
		{AppendLatin1(nil, ""), "''"},
		{AppendNone(AppendInt(AppendTuple(nil, 2), 1)), "(1, None)"},
		{AppendNone(AppendInt(AppendList(nil, 2), 1)), "[1, None]"},
		{AppendEnd(AppendInt(AppendStr(AppendDict(nil), "a"), -7)), "{'a': -7}"},
		{request(&Request{ID: 9, Environ: environ()}), `[(9, 0, {'PATH_INFO': '/caf\xe9', 'REQUEST_METHOD': 'GET'}, None)]`},
		{request(&Request{ID: 9, Environ: noEnviron(), Body: []byte("b\xff")}), `[(9, 0, {}, b'b\xff')]`},
		{request(&Request{ID: 9, Environ: noEnviron(), File: os.Stdin, Size: 1 << 40}), `[(9, 1, {}, 1099511627776)]`},
		{AppendCancel(nil, 1, 1<<31-1)[HeaderSize:], "[1, 2147483647]"},
		{AppendDrain(nil)[HeaderSize:], "None"},
	}
	var objects [][]byte
	for _, c := range cases {
		objects = append(objects, c.b)
	}
	eachPython(t, func(t *testing.T, interpreter string) {
		for i, got := range loads(t, interpreter, objects) {
			if got != cases[i].want {
				t.Errorf("Python reads %s, want %s", got, cases[i].want)
			}
		}
	})
}

// noEnviron is an environ without entries.
func noEnviron() []byte { return AppendEnd(AppendDict(nil)) }

// TestPythonEveryByte has every byte value pass through an environ and come back in a header.
func TestPythonEveryByte(t *testing.T) {
	const script = `import marshal, sys
for line in sys.stdin:
    value = marshal.loads(bytes.fromhex(line))
    assert value.encode("latin-1") == bytes(range(256)), value
    print(marshal.dumps([(1, 0, value, [(value, value)], value.encode("latin-1"))], 2).hex())`
	eachPython(t, func(t *testing.T, interpreter string) {
		line := python(t, interpreter, script, []string{hex.EncodeToString(AppendLatin1(nil, every()))})[0]
		b, err := hex.DecodeString(line)
		if err != nil {
			t.Fatal(err)
		}
		err = ParseResponses(&Frame{Payload: b}, new(Response), func(r *Response) error {
			for _, s := range [][]byte{r.Status, r.Fields[0].Name, r.Fields[0].Value} {
				if got, ok := Latin1(s); !ok || !bytes.Equal(got, every()) {
					t.Errorf("%q came back", got)
				}
			}
			if !bytes.Equal(r.Body, every()) {
				t.Errorf("body %q", r.Body)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestWeReadWhatPythonWrites(t *testing.T) {
	cases := []struct {
		expression string
		want       Response
	}{
		{`(1, 0, "200 OK", [("X", "\xe9")], b"body")`, Response{ID: 1, Status: []byte("200 OK"), Fields: []Field{field("X", "é")}, Body: []byte("body")}},
		{`[2, 0, "204 No Content", (), b""]`, Response{ID: 2, Status: []byte("204 No Content")}},
		{`(2, 0, "200 OK", [["a", "b"]], None)`, Response{ID: 2, Status: []byte("200 OK"), Fields: []Field{field("a", "b")}}},
		{`(3, 1, "200 OK", [], (2**40, 2**41))`, Response{ID: 3, Kind: File, Status: []byte("200 OK"), Offset: 1 << 40, Count: 1 << 41}},
		{`(4, 2, "200 OK", [], b"first")`, Response{ID: 4, Kind: Stream, Status: []byte("200 OK"), Body: []byte("first")}},
		{`(4, 3, 1, None, 2**33)`, Response{ID: 4, Kind: End, OK: true, Count: 1 << 33}},
		{`(4, 3, True, None, 0)`, Response{ID: 4, Kind: End, OK: true}},
		{`(4, 3, 1, [("x-sum", "1")], 3)`, Response{ID: 4, Kind: End, OK: true, Fields: []Field{{[]byte("x-sum"), []byte("1")}}, Count: 3}},
		{`(4, 3, 0, None, 1)`, Response{ID: 4, Kind: End, Count: 1}},
		{`(5, 4, None, None, None)`, Response{ID: 5, Kind: Returned}},
		{`(6, 5, "103 Early Hints", [("Link", "x")], None)`, Response{ID: 6, Kind: Interim, Status: []byte("103 Early Hints"), Fields: []Field{field("Link", "x")}}},
	}
	var expressions []string
	for _, c := range cases {
		expressions = append(expressions, "["+c.expression+"]")
	}
	eachPython(t, func(t *testing.T, interpreter string) {
		for i, b := range dumps(t, interpreter, expressions) {
			f := Frame{Payload: b, Files: lend(1)}
			err := ParseResponses(&f, new(Response), func(r *Response) error {
				if !sameResponse(r, &cases[i].want) {
					t.Errorf("%s is read as %+v", expressions[i], r)
				}
				return nil
			})
			if err != nil {
				t.Errorf("%s: %v", expressions[i], err)
			}
		}
	})
}

// TestWeReadPythonsDicts has HELLO and STATUS with keys and values of every type that marshal knows in the protocol's part of it.
func TestWeReadPythonsDicts(t *testing.T) {
	hello := `{"version": 1, "pid": 12, "slots": 4, "class": "gthread", "interface": "wsgi", "error": None,
		"later": {"a": [1.5, True, False, None, 2**100, -2**100, b"x", "y", (), {}, "\U0001f984"]}}`
	status := `{"retire": "max_requests", "overtime": [1, 2], "changed": None, "later": (1.5,)}`
	eachPython(t, func(t *testing.T, interpreter string) {
		b := dumps(t, interpreter, []string{strings.Join(strings.Fields(hello), " "), status})
		h, err := ParseHello(b[0])
		if want := (Hello{Version: 1, Pid: 12, Slots: 4, Class: "gthread", Interface: "wsgi"}); err != nil || h != want {
			t.Errorf("%+v: %v", h, err)
		}
		s, err := ParseStatus(b[1])
		if err != nil || s.Retire != "max_requests" || fmt.Sprint(s.Overtime) != "[1 2]" {
			t.Errorf("%+v: %v", s, err)
		}
	})
}

// TestPythonSurrogate has what no header may hold: it parses, and Latin1 refuses it.
func TestPythonSurrogate(t *testing.T) {
	eachPython(t, func(t *testing.T, interpreter string) {
		for _, b := range dumps(t, interpreter, []string{`"\ud800"`, `"\u0100"`, `"\U0001f984"`}) {
			d := decoder{b: b}
			s := d.str()
			if got, ok := Latin1(s); ok || d.end() != nil {
				t.Errorf("% x passes as %q", b, got)
			}
		}
	})
}
