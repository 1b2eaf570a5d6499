"""The import of the logs that older runtimes wrote."""
