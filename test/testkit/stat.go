package testkit

import "syscall"

// blocksOf returns how many blocks of 512 bytes a file takes, and its inode.
func blocksOf(path string) (blocks int, inode uint64, ok bool) {
	var st syscall.Stat_t
	if syscall.Stat(path, &st) != nil {
		return 0, 0, false
	}
	return int(st.Blocks), st.Ino, true
}
