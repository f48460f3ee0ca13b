package static

import (
	"fmt"
	"io"
	"mime"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/internal/http1"
)

// Small is how long a file may be, in bytes, to be kept in memory.
const Small = 64 << 10

// Entry is a file as it was found, in one coding. It does not change.
type Entry struct {
	Fields  []http1.Field // of a response that has it whole; not to be changed
	Size    int64
	ModTime time.Time
	Type    string // its Content-Type

	content []byte // of a small one, nil otherwise
	name    string // below the mount
	file    string // the same for the whole machine
	coding  string
	id      identity
}

// Content is the file's content, when it is in memory; an empty file's is not nil.
func (e *Entry) Content() []byte { return e.content }

// Coding is the entry's content coding, "" for none.
func (e *Entry) Coding() string { return e.coding }

// identity is by what a file is known to be the same.
type identity struct {
	dev, ino     uint64
	size         int64
	mtime, ctime unix.Timespec
}

// settled is how long ago the last change of a file must have been for its time to tell the next one: clocks of filesystems tick slowly.
const settled = 100 * time.Millisecond

// entry makes one of an open file.
func (s *Site) entry(m *mount, urlPath, name, fileName, coding string, f *os.File, info os.FileInfo, now time.Time) *Entry {
	e := &Entry{
		Size: info.Size(), ModTime: info.ModTime(), Type: s.typeOf(name),
		name: fileName, file: path.Join(m.Dir, fileName), coding: coding, id: identify(info),
	}
	tag := fmt.Sprintf("%x-%x", info.ModTime().UnixNano(), info.Size())
	e.Fields = []http1.Field{
		{Name: "Content-Type", Value: e.Type},
		{Name: "Last-Modified", Value: string(http1.AppendDate(nil, e.ModTime))},
		{Name: "Cache-Control", Value: s.cacheControl(urlPath)},
		{Name: "Accept-Ranges", Value: "bytes"},
	}
	if coding != "" {
		tag += "-" + coding
		e.Fields = append(e.Fields, http1.Field{Name: "Content-Encoding", Value: coding})
	}
	e.Fields = append(e.Fields, http1.Field{Name: "ETag", Value: `"` + tag + `"`})
	if e.Size <= Small && now.Sub(time.Unix(e.id.ctime.Unix())) > settled {
		e.read(f)
	}
	return e
}

// read keeps the content, unless the file is changing just now.
func (e *Entry) read(f *os.File) {
	content := make([]byte, e.Size)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, e.Size), content); err != nil {
		return
	}
	if info, err := f.Stat(); err == nil && e.is(info) {
		e.content = content
	}
}

// addVary says that there is more than one coding of it.
func (e *Entry) addVary(varies bool) {
	if varies {
		e.Fields = append(e.Fields, http1.Field{Name: "Vary", Value: "Accept-Encoding"})
	}
}

func identify(info os.FileInfo) identity {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}
	}
	return identity{st.Dev, st.Ino, st.Size, unix.Timespec(st.Mtim), unix.Timespec(st.Ctim)}
}

func (e *Entry) is(info os.FileInfo) bool { return identify(info) == e.id }

// unchanged asks the kernel whether the name still stands for the file. Should a link have been put in the way that leads out of the mount, it
// would have to be the very same file.
func (e *Entry) unchanged() bool {
	var st unix.Stat_t
	if unix.Stat(e.file, &st) != nil {
		return false
	}
	return identity{st.Dev, st.Ino, st.Size, st.Mtim, st.Ctim} == e.id
}

const year = 365 * 24 * 60 * 60

// cacheControl says how long a file may be kept (RFC 9111 §5.2.2, RFC 8246).
func (s *Site) cacheControl(urlPath string) string {
	switch {
	case hashed(urlPath) || s.immutable(urlPath):
		return "public, max-age=" + strconv.Itoa(year) + ", immutable"
	case s.o.MaxAge > 0:
		return "public, max-age=" + strconv.Itoa(s.o.MaxAge)
	}
	return "no-cache"
}

func (s *Site) immutable(urlPath string) bool {
	for _, pattern := range s.o.Immutable {
		if ok, _ := path.Match(pattern, urlPath); ok { // checked when it was set
			return true
		}
	}
	return false
}

// hashed says whether a name has a hash of its content before an extension, as bundlers and Django's ManifestStaticFilesStorage make them: a part
// of 8 or more hexadecimal digits, between dots or behind a hyphen or a dot. A part that is all digits may be a date, and all letters a word.
func hashed(urlPath string) bool {
	parts := strings.FieldsFunc(path.Base(urlPath), func(r rune) bool { return r == '.' || r == '-' })
	if len(parts) < 3 {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		digits := strings.Trim(part, "0123456789") != part
		if len(part) >= 8 && strings.Trim(part, "0123456789abcdef") == "" && digits && strings.ContainsAny(part, "abcdef") {
			return true
		}
	}
	return false
}

// typeOf goes by the extension: what the web has is known, the rest is in the machine's table (mime.types).
func (s *Site) typeOf(name string) string {
	ext := strings.ToLower(path.Ext(name))
	if known, ok := s.types[ext]; ok {
		return known
	}
	if known := mime.TypeByExtension(ext); known != "" {
		return known
	}
	return "application/octet-stream"
}
