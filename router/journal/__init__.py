"""What is kept: our durable record in Redis. arq carries ids only; the truth is here."""
