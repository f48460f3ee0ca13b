// Package units turns an application into systemd units: drop-ins for the template units kirin@.socket,
// kirin@.service, kirin-worker@.socket and kirin-worker@.service, which packaging/systemd has, and a slice that
// holds them all.
//
// An [App] is plain options. [App.DropIns] is a pure function of them and of the version of systemd; [Write] puts
// its files below a directory, such as the one that a generator (systemd.generator(7)) is given:
//
//	app := units.App{Name: "shop", Python: "/usr/bin/python3", Args: []string{...}, Listen: []string{"127.0.0.1:8000"}}
//	files, err := app.DropIns(252)
//	...
//	err = units.Write("/run/systemd/generator", files)
//
// An application that cannot be had as units is a [Broken]: units that do not start, and say why.
package units
