from lkca_exp.cli.analysis import main

if __name__ == "__main__":
    main()
