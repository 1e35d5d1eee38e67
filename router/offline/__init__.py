"""Rules without Redis: explain, preview, backtest and rule tests."""
