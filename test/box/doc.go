// Package box runs tests on a machine of their own: a real systemd, journald and
// D-Bus, booted by scripts/sdbox, which says how a box is made.
//
// A test calls [Up] and gets a box that nobody else uses: its files, its units, its
// journal, its loopback network. What the test does there reaches nothing outside, so
// tests with boxes run in parallel with one another. The box ends with the test, and
// the test fails when anything of it is left: a process, a mount, a cgroup, a file.
//
//	b := box.Up(t, box.Options{})
//	b.WriteFile("/etc/systemd/system/shop.service", unit)
//	b.Systemctl("daemon-reload")
//	b.Systemctl("start", "shop.service")
//	b.WaitJournal(box.Query{Unit: "shop.service"}, "the shop opens", box.Says("open"))
//
// A test that needs a box and gets none fails: there is no skipping.
//
// Methods without an error in their result fail the test in place of returning one, and
// are for the test's own goroutine; [Box.Dial] is for any. Everything that waits has a
// bound, and waits for events: the signals of systemd on D-Bus, the next entry of the
// journal, the end of a command.
package box
