package bus

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"pgregory.net/rapid"
)

func testLetter(seq uint64, subject string) *letter {
	return &letter{
		seq: seq, subject: subject, size: 1, end: func() {},
		make: func() *message.Message { return message.NewMessage(fmt.Sprint(seq), nil) },
	}
}

// handedOut is a message out of the queue, as its receiver sees it.
type handedOut struct {
	l *letter
	m *message.Message
}

// queueModel drives a queue and knows what must hold: per subject, whatever is
// out or settling stands before whatever waits, and a message whose context is
// alive is out.
type queueModel struct {
	q       *queue
	now     time.Time
	seq     uint64
	letters map[uint64]*letter
	out     []handedOut // ever handed out and not settled
}

func (m *queueModel) accept(t *rapid.T) {
	m.seq++
	l := testLetter(m.seq, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "subject"))
	m.letters[m.seq] = l
	if m.q.accept(l) != nil {
		t.Fatal("a new letter is to be settled again")
	}
}

// again delivers a held letter once more: nothing may change but how to
// acknowledge it.
func (m *queueModel) again(t *rapid.T) {
	if len(m.letters) == 0 {
		t.Skip("nothing held")
	}
	seqs := make([]uint64, 0, len(m.letters))
	for seq := range m.letters {
		seqs = append(seqs, seq)
	}
	slices.Sort(seqs)
	l := m.letters[rapid.SampledFrom(seqs).Draw(t, "seq")]
	if again := m.q.accept(testLetter(l.seq, l.subject)); (again != nil) != (l.state == settling) {
		t.Fatalf("letter %d in state %d: settle again %v", l.seq, l.state, again != nil)
	}
}

func (m *queueModel) next(t *rapid.T) {
	l, msg, _, _ := m.q.next(context.Background(), m.now)
	if l == nil {
		return
	}
	for _, other := range m.letters {
		if other.subject == l.subject && other.seq < l.seq && other.state == waiting {
			t.Fatalf("%d of %s is out before %d", l.seq, l.subject, other.seq)
		}
	}
	m.out = append(m.out, handedOut{l, msg})
}

func (m *queueModel) draw(t *rapid.T) handedOut {
	if len(m.out) == 0 {
		t.Skip("nothing out")
	}
	i := rapid.IntRange(0, len(m.out)-1).Draw(t, "which")
	o := m.out[i]
	m.out = slices.Delete(m.out, i, i+1)
	return o
}

func (m *queueModel) ack(t *rapid.T) {
	o := m.draw(t)
	alive := o.m.Context().Err() == nil
	if m.q.settle(o.l, o.m) != alive {
		t.Fatalf("ack of %d counts: %v, context alive: %v", o.l.seq, !alive, alive)
	}
	if alive {
		m.q.forget(o.l)
		delete(m.letters, o.l.seq)
		if o.m.Context().Err() == nil {
			t.Fatal("context of a settled message is alive")
		}
	}
}

func (m *queueModel) nack(t *rapid.T) {
	o := m.draw(t)
	alive := o.m.Context().Err() == nil
	if m.q.handBack(o.l, o.m, time.Second, m.now) != alive {
		t.Fatalf("nack of %d counts: %v, context alive: %v", o.l.seq, !alive, alive)
	}
	if !alive {
		return
	}
	for _, other := range m.letters {
		if other.subject == o.l.subject && other.seq >= o.l.seq && other.state == out {
			t.Fatalf("%d is out although %d of the same subject was handed back", other.seq, o.l.seq)
		}
	}
}

func (m *queueModel) wait(t *rapid.T) {
	m.now = m.now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
}

func (m *queueModel) check(t *rapid.T) {
	alive := 0
	for _, o := range m.out {
		if o.m.Context().Err() == nil {
			alive++
			if o.l.state != out || o.l.out != o.m {
				t.Fatalf("message of %d is alive and not out", o.l.seq)
			}
		}
	}
	if alive != m.q.outCount || alive > m.q.maxOut {
		t.Fatalf("%d out, counted %d, at most %d", alive, m.q.outCount, m.q.maxOut)
	}
	if m.q.bytes != len(m.letters) || len(m.q.letters) != len(m.letters) {
		t.Fatalf("holds %d letters and %d bytes, want %d", len(m.q.letters), m.q.bytes, len(m.letters))
	}
	if !slices.IsSortedFunc(m.q.letters, func(a, b *letter) int { return int(a.seq) - int(b.seq) }) {
		t.Fatal("letters are out of order")
	}
}

func TestQueue_Model(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &queueModel{q: newQueue(5, 100, 1000), now: time.Unix(0, 0), letters: map[uint64]*letter{}}
		t.Repeat(map[string]func(*rapid.T){
			"accept": m.accept, "deliver again": m.again, "next": m.next,
			"ack": m.ack, "nack": m.nack, "wait": m.wait, "": m.check,
		})
	})
}

func TestQueue_OtherSubjectsGoOn(t *testing.T) {
	q, now := newQueue(10, 10, 10), time.Unix(0, 0)
	for i, subject := range []string{"a", "a", "b"} {
		q.accept(testLetter(uint64(i+1), subject))
	}
	l, m, _, _ := q.next(t.Context(), now)
	q.handBack(l, m, time.Second, now)
	if l, _, _, _ := q.next(t.Context(), now); l == nil || l.subject != "b" {
		t.Fatalf("got %v, want the letter of b", l)
	}
	if l, _, _, pause := q.next(t.Context(), now); l != nil || pause != time.Second {
		t.Fatalf("got %v and a pause of %v, want a pause of 1 s", l, pause)
	}
	if l, _, _, _ := q.next(t.Context(), now.Add(time.Second)); l == nil || l.seq != 1 {
		t.Fatalf("got %v after the pause, want letter 1", l)
	}
}

func TestQueue_RoomIsBounded(t *testing.T) {
	for name, q := range map[string]*queue{"count": newQueue(1, 2, 100), "bytes": newQueue(1, 100, 2)} {
		t.Run(name, func(t *testing.T) {
			for i := range 2 {
				if err := q.room(t.Context()); err != nil {
					t.Fatal(err)
				}
				q.accept(testLetter(uint64(i+1), "a"))
			}
			ctx, cancel := context.WithCancel(t.Context())
			waited := make(chan error)
			go func() { waited <- q.room(ctx) }()
			cancel()
			if err := <-waited; err == nil {
				t.Fatal("there is room for a third")
			}
			l, m, _, _ := q.next(t.Context(), time.Now())
			go func() { waited <- q.room(t.Context()) }()
			q.settle(l, m)
			q.forget(l)
			if err := <-waited; err != nil {
				t.Fatal(err)
			}
		})
	}
}
