package wire

import (
	"bytes"
	"testing"
)

var messages = []Message{
	{ID: 1, Kind: MessageText, Data: []byte("na\u00efve")},
	{ID: 1, Kind: MessageText, Data: []byte{}},
	{ID: 1<<31 - 1, Kind: MessageBinary, Data: bytes.Repeat([]byte{0xff}, 300)},
	{ID: 2, Kind: MessageText | MessageMore, Data: []byte("na\xc3")},
	{ID: 2, Kind: MessageRest | MessageMore, Data: []byte("\xaf")},
	{ID: 2, Kind: MessageRest, Data: []byte("ve")},
	{ID: 3, Kind: MessageClose, Data: []byte("\x03\xe8bye")},
	{ID: 3, Kind: MessageClose, Data: []byte{}},
	{ID: 3, Kind: MessageClose, Lost: true},
	{ID: 4, Kind: MessageCredit, Credit: 1 << 40},
}

func sameMessage(a, b *Message) bool {
	return a.ID == b.ID && a.Kind == b.Kind && bytes.Equal(a.Data, b.Data) && a.Lost == b.Lost && a.Credit == b.Credit
}

func TestMessagesRoundTrip(t *testing.T) {
	b := BeginMessages([]byte("before"))
	for i := range messages {
		b = AppendMessage(b, &messages[i])
	}
	b = EndMessages(b, len("before"), len(messages))
	i := 0
	err := ParseMessages(payload(t, b[len("before"):], TypeMessages, 0), func(m *Message) error {
		if !sameMessage(m, &messages[i]) {
			t.Errorf("%+v came back as %+v", messages[i], m)
		}
		i++
		return nil
	})
	if err != nil || i != len(messages) {
		t.Errorf("%d messages, %v", i, err)
	}
}

// TestPythonMessages holds the encoding against Python's own.
func TestPythonMessages(t *testing.T) {
	const theirs = `[(1, 1, "na\u00efve"), (1, 1, b"raw"), (2, 2, b"\xff"), (3, 17, b"na\xc3"), (3, 0, b"\xafve"), (4, 8, None), (4, 8, b""), (5, 9, 65536)]`
	const ours = `[(1, 1, 'na\xefve'), (2, 2, b'\xff'), (3, 8, None), (3, 8, b'\x03\xe8'), (4, 9, 7)]`
	b := BeginMessages(nil)
	for _, m := range []Message{
		{ID: 1, Kind: MessageText, Data: []byte("na\u00efve")},
		{ID: 2, Kind: MessageBinary, Data: []byte{0xff}},
		{ID: 3, Kind: MessageClose, Lost: true},
		{ID: 3, Kind: MessageClose, Data: []byte("\x03\xe8")},
		{ID: 4, Kind: MessageCredit, Credit: 7},
	} {
		b = AppendMessage(b, &m)
	}
	b = EndMessages(b, 0, 5)[HeaderSize:]
	eachPython(t, func(t *testing.T, interpreter string) {
		n := 0
		err := ParseMessages(dumps(t, interpreter, []string{theirs})[0], func(*Message) error { n++; return nil })
		if err != nil || n != 8 {
			t.Errorf("%d messages of Python's, %v", n, err)
		}
		if got := loads(t, interpreter, [][]byte{b})[0]; got != ours {
			t.Errorf("Python reads %s, want %s", got, ours)
		}
	})
}
