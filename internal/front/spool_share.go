package front

import (
	"cmp"
	"errors"
	"math"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// shareStep is in which steps a body on disk takes its share.
	shareStep = 1 << 20
	// memoryShare is what the bodies that wait in memory may take together; more wait on disk.
	memoryShare = 64 << 20
)

// errNoShare says that the bodies that wait have all of the disk that they may have together.
var errNoShare = errors.New("request bodies take half of what would be free of the disk without them")

// spools are the request bodies of a front that wait in files. Together they may take half of the disk that would be free without them, so
// that no client fills it. What a client says of its body counts for nothing: a share is taken as the body comes.
type spools struct {
	mu     sync.Mutex // protects the fields below
	disk   int64      // bytes, in whole steps
	memory int64      // bytes
}

// remember takes memory for a body.
func (s *spools) remember(n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.memory+n > memoryShare {
		return false
	}
	s.memory += n
	return true
}

// take takes another step of the disk that f is on; most is what all may have, 0: half.
func (s *spools) take(f *os.File, most int64) error {
	free, err := freeSpace(f)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.disk+shareStep > cmp.Or(most, (s.disk+free)/2) {
		return errNoShare
	}
	s.disk += shareStep
	return nil
}

// giveBack gives back what a body had.
func (s *spools) giveBack(disk, memory int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disk -= disk
	s.memory -= memory
}

// freeSpace is what is free of the disk that a file is on, in bytes; as good as endless where the file system does not say (statfs(2)).
func freeSpace(f *os.File) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: f.Name(), Err: err}
	}
	if st.Blocks == 0 {
		return math.MaxInt64 / 2, nil
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// noRoom says whether a body could not be stored for lack of room, which passes.
func noRoom(err error) bool {
	for _, lack := range []error{errNoShare, syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, lack) {
			return true
		}
	}
	return false
}
