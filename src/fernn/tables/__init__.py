"""Tables, one module each: `tabulate(cubes)`."""
