package rights

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// User is whom something is executed or read as. A nil one is whoever we are.
type User struct {
	UID, GID   uint32
	Groups     []uint32 // supplementary ones
	Name, Home string   // empty when the database of users does not know them
}

// ByID is a user by number, with the groups that the database of users has.
func ByID(id uint32) *User {
	text := strconv.FormatUint(uint64(id), 10)
	found, err := user.LookupId(text)
	if err != nil {
		return &User{UID: id, GID: id}
	}
	return fromDatabase(id, found)
}

// Lookup finds a user, and a group that replaces the user's own, each by name or number; an empty group is the user's own.
func Lookup(name, group string) (*User, error) {
	var u *User
	if id, err := strconv.ParseUint(name, 10, 32); err == nil {
		u = ByID(uint32(id))
	} else if found, err := user.Lookup(name); err != nil {
		return nil, fmt.Errorf("there is no user %q", name)
	} else if id, err := strconv.ParseUint(found.Uid, 10, 32); err == nil {
		u = fromDatabase(uint32(id), found)
	}
	if group == "" || u == nil {
		return u, nil
	}
	if found, err := user.LookupGroup(group); err == nil {
		group = found.Gid
	}
	id, err := strconv.ParseUint(group, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("there is no group %q", group)
	}
	u.GID = uint32(id)
	return u, nil
}

func fromDatabase(id uint32, found *user.User) *User {
	u := &User{UID: id, GID: id, Name: found.Username, Home: found.HomeDir}
	if gid, err := strconv.ParseUint(found.Gid, 10, 32); err == nil {
		u.GID = uint32(gid)
	}
	groups, _ := found.GroupIds() // without them, fewer files can be read
	for _, group := range groups {
		if gid, err := strconv.ParseUint(group, 10, 32); err == nil {
			u.Groups = append(u.Groups, uint32(gid))
		}
	}
	return u
}

// kept are the variables of ours that another user's process gets. It is data.
var kept = []string{"PATH", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "PYTHONDONTWRITEBYTECODE"}

// Environ is the environment of a process: ours when the user is nil. Of ours, which may hold secrets, another user gets what
// says nothing.
func (u *User) Environ() []string {
	if u == nil {
		return os.Environ()
	}
	var env []string
	for _, name := range kept {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	env = append(env, "HOME="+cmp.Or(u.Home, "/"))
	if u.Name != "" {
		env = append(env, "USER="+u.Name, "LOGNAME="+u.Name)
	}
	return env
}

// Start starts a command as the user: in a session without a terminal, with no way to more rights (PR_SET_NO_NEW_PRIVS), and with Environ
// unless the command has an environment. What else it gets, such as descriptors, is the caller's to choose.
func (u *User) Start(cmd *exec.Cmd) error {
	if u == nil {
		return cmd.Start()
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Setsid = false, true
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups}
	if cmd.Env == nil {
		cmd.Env = u.Environ()
	}
	if cmd.Cancel != nil {
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // a session is a group, too
	}
	err := apart(func() error {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return err
		}
		return cmd.Start()
	})
	if err != nil {
		return fmt.Errorf("as %v: %w", u, brief(err))
	}
	return nil
}

// brief says what may be missing where root is not allowed to be another user.
func brief(err error) error {
	if strings.HasSuffix(err.Error(), unix.EPERM.Error()) {
		return fmt.Errorf("%w (root lacks CAP_SETUID or CAP_SETGID here)", err)
	}
	return err
}

// Run starts a command as Start does, and waits for its end.
func (u *User) Run(cmd *exec.Cmd) error {
	if err := u.Start(cmd); err != nil {
		return err
	}
	return cmd.Wait()
}

// apart runs a function on a thread that ends with it, for what it changes about the thread. The first thread of a process does not end, and
// what it is shows as the process's.
func apart(do func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked
		if unix.Gettid() != unix.Getpid() {
			done <- do()
			return
		}
		defer runtime.UnlockOSThread()
		done <- apart(do) // on another one, for this one is taken
	}()
	return <-done
}
