// Package certs reads certificates and keys for TLS, says in one line what is wrong with them, and reads them again when they change.
package certs
