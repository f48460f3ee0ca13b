// Package tools is a module of its own for what builds packages, so that none of it is a dependency of kirin.
package tools
