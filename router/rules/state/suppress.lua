function steps.suppress(draft, reason) return stop(draft, 'held', reason) end
