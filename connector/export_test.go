package connector

// WaitingForTesting is how many callers wait for unwraps under way.
func (p *Provider) WaitingForTesting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, st := range p.stores {
		n += st.opening.Waiting()
	}
	return n
}

// EmitForTesting does what every call does at its end.
func (p *Provider) EmitForTesting() {
	if p.observed {
		p.emit(Event{Kind: CallDone})
	}
}
