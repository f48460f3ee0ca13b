package front

import (
	"bufio"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Holder is the process that listens on an address, as far as proc(5) shows it to this user: the one with the lowest pid where
// several share the socket, because that is mostly the parent. pid is 0 when nobody can be seen.
func Holder(a Addr) (pid int, comm string) {
	var inodes map[string]bool
	if a.Network == Unix {
		inodes = unixInodes(a.Path)
	} else {
		inodes = tcpInodes(a)
	}
	if len(inodes) == 0 {
		return 0, ""
	}
	pid = lowestPID(inodes)
	if pid == 0 {
		return 0, ""
	}
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
	if err != nil {
		return 0, "" // it has gone meanwhile
	}
	return pid, strings.TrimSpace(string(data))
}

// lowestPID looks through the descriptors of every process for one of the sockets.
func lowestPID(inodes map[string]bool) (lowest int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || (lowest != 0 && pid > lowest) {
			continue
		}
		if holds(pid, inodes) {
			lowest = pid
		}
	}
	return lowest
}

func holds(pid int, inodes map[string]bool) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	fds, err := os.ReadDir(dir)
	if err != nil {
		return false // another user's
	}
	for _, fd := range fds {
		target, err := os.Readlink(filepath.Join(dir, fd.Name()))
		if err != nil {
			continue
		}
		if inode, ok := strings.CutPrefix(target, "socket:["); ok && inodes[strings.TrimSuffix(inode, "]")] {
			return true
		}
	}
	return false
}

// eachField calls f with the fields of every line of a table of /proc/net but the first.
func eachField(path string, f func(fields []string)) {
	file, err := os.Open(path)
	if err != nil {
		return
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for first := true; lines.Scan(); first = false {
		if !first {
			f(strings.Fields(lines.Text()))
		}
	}
}

// tcpInodes are the sockets that listen on the port at an address that is in the way of a's.
func tcpInodes(a Addr) map[string]bool {
	const stateListen = "0A"
	wanted, err := netip.ParseAddr(a.Host)
	if err != nil {
		wanted = netip.IPv4Unspecified() // a name; any socket on the port will do
	}
	found := map[string]bool{}
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		eachField(table, func(fields []string) {
			if len(fields) < 10 || fields[3] != stateListen {
				return
			}
			local, ok := parseLocal(fields[1])
			if ok && local.Port() == a.Port && inTheWay(local.Addr(), wanted) {
				found[fields[9]] = true
			}
		})
	}
	return found
}

func inTheWay(there, wanted netip.Addr) bool {
	return there.IsUnspecified() || wanted.IsUnspecified() || there.Unmap() == wanted.WithZone("").Unmap()
}

// parseLocal reads "0100007F:1F40": the address in words of the machine's byte order, which is taken to be little-endian, as it is
// on all that kirin is built for.
func parseLocal(s string) (netip.AddrPort, bool) {
	address, port, ok := strings.Cut(s, ":")
	number, err := strconv.ParseUint(port, 16, 16)
	raw, bad := hex.DecodeString(address)
	if !ok || err != nil || bad != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for w := 0; w < len(raw); w += 4 {
		raw[w], raw[w+1], raw[w+2], raw[w+3] = raw[w+3], raw[w+2], raw[w+1], raw[w]
	}
	ip, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(ip, uint16(number)), ok
}

// unixInodes are the sockets that listen at the path, or are bound to it when none listens. The connections that were accepted
// there have the same path.
func unixInodes(path string) map[string]bool {
	const accepts = "00010000" // __SO_ACCEPTCON
	absolute, err := filepath.Abs(path)
	if err != nil || path[0] == '@' {
		absolute = path
	}
	listening, bound := map[string]bool{}, map[string]bool{}
	eachField("/proc/self/net/unix", func(fields []string) {
		if len(fields) < 8 {
			return
		}
		// The path is the rest of the line, and may hold spaces.
		if name := strings.Join(fields[7:], " "); name != path && name != absolute {
			return
		}
		bound[fields[6]] = true
		if fields[3] == accepts {
			listening[fields[6]] = true
		}
	})
	if len(listening) > 0 {
		return listening
	}
	return bound
}
