package wire

// What is said of WebSockets travels between front and worker in frames of its own, many messages in one: a worker whose HELLO has it can
// be given requests that are [Multiplexed].

// A MessageKind says what is said of a WebSocket: the opcode of RFC 6455, with [MessageMore] when it is not all of the message.
type MessageKind uint8

// The kinds of messages.
const (
	MessageRest   MessageKind = 0 // goes on with the one before
	MessageText   MessageKind = 1
	MessageBinary MessageKind = 2
	MessageClose  MessageKind = 8  // the end
	MessageCredit MessageKind = 9  // room for more
	MessageMore   MessageKind = 16 // to be added: the message goes on
)

const (
	// MessageWindow is how much may be on the way in one direction of a WebSocket, in bytes, for another message to be sent.
	MessageWindow = 128 << 10
	// MessagePart is the longest piece of a message in bytes: a longer one is cut into such.
	MessagePart = 64 << 10
	// MessageCost is what a message, or a piece of one, counts for beyond its length.
	MessageCost = 64
)

// A Message is something that is said of a WebSocket. Data aliases the frame that it came in.
type Message struct {
	ID     uint32 // of the request
	Kind   MessageKind
	Data   []byte // of a MessageClose, the payload of a Close frame
	Lost   bool   // of a MessageClose: the connection has ended without a Close frame
	Credit int64  // of a MessageCredit: how much of what was sent has been taken
}

// Cost is what the message takes of the window, 0 when it is none with content.
func (m *Message) Cost() int {
	if m.Kind&^MessageMore > MessageBinary {
		return 0
	}
	return len(m.Data) + MessageCost
}

// BeginMessages appends the start of a MESSAGES frame; [AppendMessage] adds to it and [EndMessages] completes it.
func BeginMessages(b []byte) []byte { return AppendList(BeginFrame(b), 0) }

// AppendMessage appends one message to a batch. A whole text is to be UTF-8.
func AppendMessage(b []byte, m *Message) []byte {
	b = AppendInt(AppendInt(AppendTuple(b, 3), int64(m.ID)), int64(m.Kind))
	switch {
	case m.Kind == MessageCredit:
		return AppendInt(b, m.Credit)
	case m.Lost:
		return AppendNone(b)
	case m.Kind == MessageText:
		return append(appendSized(b, codeStr, len(m.Data)), m.Data...)
	}
	return AppendBytes(b, m.Data)
}

// EndMessages completes the MESSAGES frame that begins at b[at:] and holds count messages.
func EndMessages(b []byte, at, count int) []byte {
	AppendList(b[:at+HeaderSize], count) // over the placeholder
	return EndFrame(b, at, TypeMessages, 0)
}

// ParseMessages calls each with every message of a MESSAGES frame, in one reused value.
func ParseMessages(payload []byte, each func(*Message) error) error {
	d := decoder{b: payload}
	var m Message
	for n := d.sequence(); n > 0 && d.err == nil; n-- {
		d.message(&m)
		if d.err != nil {
			break
		}
		if err := each(&m); err != nil {
			return err
		}
	}
	return d.end()
}

func (d *decoder) message(m *Message) {
	*m = Message{}
	d.fixed(3, "a message")
	m.ID = d.id()
	kind := d.int()
	if kind < 0 || kind > 0xff {
		d.fail("message kind %d", kind)
		return
	}
	m.Kind = MessageKind(kind)
	switch m.Kind {
	case MessageCredit:
		if m.Credit = d.int(); m.Credit < 0 {
			d.fail("a credit of %d", m.Credit)
		}
	case MessageClose:
		m.Lost = d.peek() == codeNone
		m.Data = d.bytes()
	case MessageText, MessageBinary, MessageRest, MessageText | MessageMore, MessageBinary | MessageMore, MessageRest | MessageMore:
		d.content(m)
	default:
		d.fail("message kind %d", kind)
	}
}

// content reads a piece of a message. A text may be a str or bytes.
func (d *decoder) content(m *Message) {
	if d.peek() == codeStr {
		m.Data = d.str()
	} else if d.peek() == codeBytes {
		m.Data = d.bytes()
	} else {
		d.fail("type %q where a message's content belongs", d.peek())
	}
	if len(m.Data) > MessagePart {
		d.fail("a piece of a message of %d bytes, above the limit of %d", len(m.Data), MessagePart)
	}
}
