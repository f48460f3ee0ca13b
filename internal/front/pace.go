package front

import "time"

// leastRate is how many bytes a second a client has to send of a body, while it is waited for. It may be behind by the stall time-out: so long a
// pause is forgiven, and earned back byte by byte, but what it has sent quickly does not allow a longer one later.
const leastRate = 500

// arrears is how far a client is behind. The zero value is not at all.
type arrears struct{ behind time.Duration }

// left is how long the client may be waited for, of the stall time-out.
func (a *arrears) left(stall time.Duration) time.Duration { return stall - a.behind }

// note has the client be waited for, and so many bytes come.
func (a *arrears) note(waited time.Duration, n int) {
	a.behind = max(0, a.behind+waited-time.Duration(n)*(time.Second/leastRate))
}
