"""Rounds whose groups may take several: closed once enough are whole."""
