"""The import of logs that older runtimes wrote."""
