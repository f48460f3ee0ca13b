package units_test

import (
	"fmt"

	"github.com/kirin-server/kirin/units"
)

func ExampleApp_DropIns() {
	app := units.App{
		Name: "shop", Listen: []string{"127.0.0.1:8000"}, Workers: 1,
		Python: "/srv/shop/venv/bin/python", Args: []string{"serve", "shop.wsgi"},
	}
	files, err := app.DropIns(252)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, file := range files {
		fmt.Println(file.Path)
	}
	// Output:
	// kirin@shop.socket.d/50-kirin.conf
	// kirin@shop.service.d/50-kirin.conf
	// kirin-worker@shop:1.socket.d/50-kirin.conf
	// kirin-worker@shop:1.service.d/50-kirin.conf
	// kirin-shop.slice.d/50-kirin.conf
}
