function steps.suppress(draft, reason, ends, drops, begun_before)
  local opened = draft.opened
  if begun_before > 0 and (not opened or opened.record.opened_at > begun_before) then return false end
  if opened then opened.ends, opened.drops = ends, drops end
  return stop(draft, 'held', reason)
end
