"""The rule index: finds the rules that match an event without evaluating each rule."""
