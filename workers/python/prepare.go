package python

import (
	"bytes"
	"context"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

//go:embed kirin_worker/*.py
var sources embed.FS

//go:embed prepare.py
var prepareScript string

//go:embed boot.py
var bootScript []byte

// prepareTime is how long an interpreter may take to start and compile the runtime.
const prepareTime = time.Minute

// maxPrepared bounds what an interpreter may print: the compiled runtime has a quarter of a megabyte.
const maxPrepared = 16 << 20

// Prepare has the interpreter at the given path compile the runtime. An interpreter that is too old, or no
// Python at all, is an error in one line.
func Prepare(ctx context.Context, interpreter string) (*Runtime, error) {
	return PrepareBy(ctx, interpreter, (*exec.Cmd).Run)
}

// PrepareBy is Prepare with a function that runs the interpreter, which may do so as another user.
func PrepareBy(ctx context.Context, interpreter string, run func(*exec.Cmd) error) (*Runtime, error) {
	request, err := prepareRequest()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, prepareTime)
	defer cancel()
	output, err := runPrepare(ctx, interpreter, request, run)
	if err != nil {
		return nil, err
	}
	r, image, err := parsePrepared(interpreter, output)
	if err != nil {
		return nil, err
	}
	r.size = len(image)
	r.image, err = seal(image)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// runPrepare gives what prepare.py prints. The options keep the user's environment and site-packages out and
// are known to every Python.
func runPrepare(ctx context.Context, interpreter string, request []byte, run func(*exec.Cmd) error) ([]byte, error) {
	stdout, stderr := bounded{limit: maxPrepared}, bounded{limit: maxPrepared}
	cmd := exec.CommandContext(ctx, interpreter, "-E", "-s", "-S", "-c", prepareScript)
	cmd.Stdin = bytes.NewReader(request)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second
	err := run(cmd)
	output := stdout.Bytes()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("python interpreter %s: no answer: %w", interpreter, ctx.Err())
	}
	// One that reads no standard input (no Python) may make the write fail; what it printed says more.
	if err != nil && !bytes.HasPrefix(output, []byte("kirin ")) {
		if said := lastLine(stderr.String()); said != "" {
			return nil, fmt.Errorf("python interpreter %s does not work: %s", interpreter, said)
		}
		return nil, fmt.Errorf("python interpreter %s does not work: %w", interpreter, err)
	}
	return output, nil
}

// parsePrepared takes the output of prepare.py apart.
func parsePrepared(interpreter string, output []byte) (*Runtime, []byte, error) {
	line, image, found := bytes.Cut(output, []byte("\n"))
	fields := strings.Fields(string(line))
	if !found || len(fields) != 3 || fields[0] != "kirin" {
		return nil, nil, fmt.Errorf("%s is not a Python interpreter", interpreter)
	}
	r := &Runtime{Path: interpreter, Implementation: fields[1], Version: fields[2]}
	if len(image) > 0 {
		return r, image, nil
	}
	var major, minor int
	if _, err := fmt.Sscanf(r.Version, "%d.%d", &major, &minor); err == nil &&
		(major < OldestMajor || major == OldestMajor && minor < OldestMinor) {
		return nil, nil, fmt.Errorf("python interpreter %s is version %s; kirin needs %d.%d or later (choose another with --python)",
			interpreter, r.Version, OldestMajor, OldestMinor)
	}
	return nil, nil, fmt.Errorf("python interpreter %s cannot compile the worker runtime", interpreter)
}

// prepareRequest is the standard input of prepare.py.
func prepareRequest() ([]byte, error) {
	names, err := fs.Glob(sources, "kirin_worker/*.py")
	if err != nil {
		return nil, err
	}
	var modules []byte
	for _, name := range names {
		source, err := sources.ReadFile(name)
		if err != nil {
			return nil, err
		}
		module, isPackage := moduleName(name)
		modules = appendText(modules, module)
		modules = appendTuple(modules, 2)
		modules = appendBool(modules, isPackage)
		modules = appendBytes(modules, source)
	}
	request := appendTuple(nil, 3)
	request = appendTuple(request, 2)
	request = appendInt(request, OldestMajor)
	request = appendInt(request, OldestMinor)
	request = appendText(request, string(bootScript))
	request = append(request, '{')
	request = append(request, modules...)
	return append(request, '0'), nil
}

// moduleName turns a file's name into its module's: kirin_worker/wire.py is kirin_worker.wire.
func moduleName(name string) (module string, isPackage bool) {
	dir, base := path.Split(strings.TrimSuffix(name, ".py"))
	dir = strings.TrimSuffix(dir, "/")
	if base == "__init__" {
		return strings.ReplaceAll(dir, "/", "."), true
	}
	return strings.ReplaceAll(dir, "/", ".") + "." + base, false
}

// The encoding is Python's marshal, version 2 (docs/protocol.md has the table).

func appendTuple(b []byte, n uint32) []byte { return appendSized(b, '(', n) }
func appendInt(b []byte, n uint32) []byte   { return appendSized(b, 'i', n) }

func appendText(b []byte, s string) []byte {
	return append(appendSized(b, 'u', uint32(len(s))), s...)
}

func appendBytes(b, s []byte) []byte {
	return append(appendSized(b, 's', uint32(len(s))), s...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 'T')
	}
	return append(b, 'F')
}

func appendSized(b []byte, code byte, n uint32) []byte {
	return binary.LittleEndian.AppendUint32(append(b, code), n)
}

// seal keeps data in a memfd that nobody can change afterwards, a worker least of all.
func seal(data []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("kirin-runtime", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	file := os.NewFile(uintptr(fd), "kirin-runtime")
	if _, err := file.Write(data); err != nil {
		return nil, errors.Join(fmt.Errorf("keep the runtime in memory: %w", err), file.Close())
	}
	const seals = unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, errors.Join(fmt.Errorf("seal the runtime: %w", err), file.Close())
	}
	return file, nil
}

// bounded keeps what a process writes, up to a limit, beyond which the process cannot write.
type bounded struct {
	bytes.Buffer
	limit int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.limit {
		return 0, errors.New("the interpreter prints too much")
	}
	return b.Buffer.Write(p)
}

// lastLine is where Python says what went wrong.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
