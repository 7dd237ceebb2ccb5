process.stderr.write("engine-config: not written yet\n");
process.exitCode = 1;
