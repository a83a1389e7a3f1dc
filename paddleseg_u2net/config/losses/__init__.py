"""The section `loss`: checked, balanced by the data, and made into what `build` takes."""
