"""What every room and script may stand on; it knows none of them.

- command_line.py: options and errors of one line, for all scripts
- files.py: files that appear whole or not at all; names of files that are to be written
- download.py: files from the network, resumed and checked
- memory.py: what it looks like when memory runs out
- quiet_keras.py: Keras and TensorFlow without the greetings of native libraries
- paper.py: the paper's numbers that are needed where there is no Keras
"""
