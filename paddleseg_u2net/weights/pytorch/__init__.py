"""``.pth`` and ``.pt``: weights as ``torch.save`` writes them, read and written without PyTorch."""
