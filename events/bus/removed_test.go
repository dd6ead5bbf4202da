package bus

import (
	"context"
	"crypto/rand"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// A cursor that another subscription removes while it is made is told from one
// that the broker cannot make: it comes to that seldom, so it is tried often.
func TestRemovedMeanwhile(t *testing.T) {
	js := mustConnect(t, suiteServer(t)).js
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "removed", Subjects: []string{"removed"}, Retention: jetstream.WorkQueuePolicy})
	if err != nil {
		t.Fatal(err)
	}
	for range 3000 {
		name := "cursor-" + rand.Text()
		stop, cancel := context.WithCancel(t.Context())
		var removers sync.WaitGroup
		for range 4 {
			removers.Go(func() {
				for stop.Err() == nil && stream.DeleteConsumer(stop, name) != nil {
				}
			})
		}
		_, err := js.CreateConsumer(t.Context(), "removed", jetstream.ConsumerConfig{Name: name, FilterSubject: "removed", AckPolicy: jetstream.AckExplicitPolicy, MemoryStorage: true})
		cancel()
		removers.Wait()
		_ = stream.DeleteConsumer(t.Context(), name)
		switch {
		case removedMeanwhile(err):
			return
		case err != nil && !hasCode(err, codeNotUnique):
			t.Fatal(err)
		}
	}
	t.Skip("the broker always told of the cursor before it was removed")
}
