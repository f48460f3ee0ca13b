package config

// oursOfASGI are the settings of ASGI that Gunicorn does not have.
var oursOfASGI = []string{"ws_max_size", "ws_per_message_deflate", "ws_ping_interval", "ws_ping_timeout"}
