"""Events from a Kinesis stream: the commit of the HTTP endpoints, fed from shards.

Several consumers share a stream: leases and checkpoints are in Redis. A checkpoint moves only after
the journal has the events before it. A consumer that dies therefore costs repeats, which
de-duplication drops, and never an event. Read ``consumer`` first, then ``reader``.

Source: Amazon Kinesis Data Streams, developer guide ("Reading data", "Resharding") and API
reference (ListShards, GetShardIterator, GetRecords, SubscribeToShard).
"""
