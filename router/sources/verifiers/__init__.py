"""One module for each way in which senders prove who they are, behind one contract."""
