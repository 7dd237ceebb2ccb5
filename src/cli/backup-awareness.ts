process.stderr.write("backup-awareness: not written yet\n");
process.exitCode = 1;
