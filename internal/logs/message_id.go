package logs

// messages are the MESSAGE_IDs of kirin's own messages, by the names that records carry in the attribute MESSAGE_ID.
// packaging/systemd/kirin.catalog explains each of them to journalctl --catalog. An id is never used for anything else. The worker
// runtime sends some by itself (workers/python/kirin_worker/journal.py). It is data and does not change.
var messages = map[string]string{
	"app-error":          "3fd49f98be4d417c82900c77204fea87", // an exception that the application did not catch
	"app-not-loaded":     "e8bf77b88764459ca7f6ca7dc8d2b1fc", // a worker cannot load the application
	"worker-not-started": "3828c35510cd4950b11beb09e7464e14", // the front has waited for a worker in vain
	"worker-timeout":     "d12174c896c3421abff1929090bb9a11", // a request was over its time, and its worker ended for it
	"worker-killed":      "3776e415d98146b197061f33219b29cc", // a worker has ended that nobody asked to
	"reload-done":        "defe7aabb68d402aa98da989799c8006",
	"reload-failed":      "f220de810a774d49b1eaa438a25a044b",
	"file-broken":        "6a1d84392ba74f318a23b8ec614a7758", // the application's file, or the configuration
	"queue-full":         "b20422e60d0a453dbfb9369c079c4c55", // requests are refused
	"entries-lost":       "4355ce1c1dad4fb4ae212ce95ac4194e", // a log lacks some
	"idle":               "e87f2e855b594dc38c0c9ee0dcaac5ad", // the last worker has gone for want of requests
	"woke":               "8df584ed796841399bd01d423f4693d2", // a request has brought the application back
	"upgraded":           "233f3170d1934ae5a3bf8196c292fe27", // a new version has taken over
}
