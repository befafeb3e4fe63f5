"""What others do, written anew from their sources, to be measured beside ours."""
