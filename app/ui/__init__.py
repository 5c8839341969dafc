"""The page that Streamlit draws; the only package besides the server that knows Streamlit."""
