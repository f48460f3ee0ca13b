package wire

import (
	"cmp"
	"os"

	"golang.org/x/sys/unix"
)

// take gives the frame's next descriptor to who is named in it. One that is refused stays in the frame.
func (f *Frame) take() (*os.File, error) {
	if len(f.Files) == 0 {
		return nil, protocolErrorf("a message without its descriptor")
	}
	file := f.Files[0]
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	var bad error
	if err := raw.Control(func(fd uintptr) { bad = checkDescriptor(int(fd)) }); err != nil || bad != nil {
		return nil, cmp.Or(bad, err)
	}
	f.Files = f.Files[1:]
	return file, nil
}

// checkDescriptor refuses a descriptor that the protocol has no use for, whatever the frame says that it is for: one that its owner
// may not read (O_PATH, O_WRONLY), which whoever has more rights could be made to read for it, and a socket without a stream's end.
// What it does not refuse may be a pipe, or a device; [RegularFile] and [UnixConn] tell.
func checkDescriptor(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return protocolErrorf("a descriptor: %v", err)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFSOCK {
		if kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_STREAM {
			return protocolErrorf("a descriptor is a socket of type %d, not SOCK_STREAM", kind)
		}
		return nil
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_PATH != 0 || flags&unix.O_ACCMODE == unix.O_WRONLY {
		return protocolErrorf("a descriptor is not open for reading")
	}
	return nil
}

// RegularFile says whether reading a file ends: it is no pipe, device or folder.
func RegularFile(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode().IsRegular()
}
