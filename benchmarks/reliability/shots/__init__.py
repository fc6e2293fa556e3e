"""Requests that are no good ones: how they are made, and how they are sent."""
