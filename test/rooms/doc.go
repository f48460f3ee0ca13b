// Package rooms holds a test and nothing else: the packages of kirin import
// one another only as docs/design.md allows, and the code keeps the shape that
// CONTRIBUTING.md asks for.
package rooms
