//! Copies the registry into the time series store.
