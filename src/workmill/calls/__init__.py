"""What an application can be asked and told, a file for each subject; `App` inherits them all."""
