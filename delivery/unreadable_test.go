package delivery_test

import (
	"testing"
	"time"

	"telegate/db/dbtest"
	"telegate/delivery"
)

// A message whose body cannot be opened ends, says why, and holds up nobody behind it.
func TestMessageThatCannotBeOpenedFailsAndFreesItsLane(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.accept(message(delivery.LaneCode, 1000, "damaged"), message(delivery.LaneCode, 1000, "behind"))
		r.accept(expiringIn(10*time.Second, message(delivery.LaneDirect, 2000, "late")))
		dbtest.Damage(r, r.path, "damaged", "late")
		r.pass(time.Minute) // nobody sends yet: one of them expires
		r.run()
		r.drain(10 * time.Second)
		r.mustEnd("damaged", delivery.StatusFailed, delivery.ReasonUnreadable)
		r.mustEnd("late", delivery.StatusExpired, delivery.ReasonMessageExpired)
		r.mustEnd("behind", delivery.StatusDelivered, "")
		r.mu.Lock()
		defer r.mu.Unlock()
		if told := r.failures["damaged"]; len(told) != 1 || told[0] { // a verification fails with its code; the link is fine
			r.Errorf("whoever has to know was told %v", told)
		}
	})
}
